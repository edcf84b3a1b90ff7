"""The servers that are compared, and how a client speaks with each.

Nothing is imported here, since Gradio has a Python of its own.
"""
