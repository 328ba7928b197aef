"""What this site holds about a person, part by part, and what the other sites of the family hold."""
