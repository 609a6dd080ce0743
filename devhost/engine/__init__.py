"""Runs orchestrations, activities and entities from the task hub, one committed work item at a time."""
