"""What every page of the panel shares."""
