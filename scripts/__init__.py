"""Commands for whoever runs or releases the app."""
