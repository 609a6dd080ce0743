"""Where answers come from: one factory, and the offline model that needs neither network nor key."""
