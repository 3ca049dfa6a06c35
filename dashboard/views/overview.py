"""Overview: the whole of it is live, drawn by one component from the stream."""

from dashboard.live.component import overview_board

overview_board()
