"""The small language model that ships along: llama.cpp's own OpenAI-compatible server, in a process of its own.

Lives here: finding and checking the weights, the server's process, starting and stopping it. Nothing here knows what the
model is asked.
"""
