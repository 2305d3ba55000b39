"""Notes: paste Markdown, share the page."""
