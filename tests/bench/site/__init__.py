"""What a site takes: memory, disk and time of its own."""
