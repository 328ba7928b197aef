"""The stored data about a person, part by part, on this site and on the other sites of the family."""
