"""The compared servers, and their clients.

Nothing is imported here, since Gradio has its own Python environment.
"""
