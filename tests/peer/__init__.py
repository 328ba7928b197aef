"""Between sites: the real application on both ends, in both dialects."""
