"""The engines that are measured, each driven through its own API in a process of its own."""
