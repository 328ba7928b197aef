"""Floors: what the machine needs at least, with none of PointSync's Python in between.

The rows are those that PointSync has written in the same run, and the tables are copies of its own. So a floor
follows the schema by itself. The bare writes are in batches of 1,000, whatever batches PointSync has chosen.
"""
