"""Drills with Streamlit sessions: websockets that speak its protocol, as browsers' do."""
