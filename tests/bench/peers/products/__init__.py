"""The programs that run in the environment of the other products. Nothing of PointSync is imported here."""
