"""What people would use instead: general task queues, with one task and one POST for each movement."""
