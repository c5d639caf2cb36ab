"""A release as files: formats of trainers, card, manifest, verification, and the way to a Hugging Face repository."""
