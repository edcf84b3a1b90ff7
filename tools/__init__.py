"""Programs for people who work on Starcast: a whole site on loopback, pictures of the page."""
