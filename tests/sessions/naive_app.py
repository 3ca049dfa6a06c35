"""How a feed must not be held: in a session, in Streamlit's cache, or in a module's global.

The control of the drill: each of the three ends with more streams than subscriptions.
"""

import os

import streamlit as st

from tests.sessions import naive_feed

KEPT_IN = os.environ["DRILL_KEPT_IN"]
if KEPT_IN == "session" and "feed" not in st.session_state:
    st.session_state["feed"] = naive_feed.made()
elif KEPT_IN == "cache":
    st.cache_resource(naive_feed.made)()
elif KEPT_IN == "module":
    naive_feed.kept()
st.text(KEPT_IN)
