"""The shipped recipes: each module holds one `RECIPE`."""
