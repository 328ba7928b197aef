"""Background tasks that admins start."""
