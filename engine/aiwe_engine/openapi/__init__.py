"""What an app says of itself: its OpenAPI document, and the page on which people read and try it."""
