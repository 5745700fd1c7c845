"""A transcript: the whole story of a team, a session or a run as one document that can be kept and given away."""
