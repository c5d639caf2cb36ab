"""A release as frames: its splits, its rows in the formats of trainers. Files are written elsewhere."""
