"""One file a board, found by being here: each defines `BOARDS`, the board and its variants."""
