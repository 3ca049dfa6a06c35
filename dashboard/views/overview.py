"""Overview: the whole of it is live, drawn by one component from the event stream."""

from dashboard.live.component import overview_board


def render() -> None:
    """The page."""
    overview_board()


if __name__ == "__main__":
    render()
