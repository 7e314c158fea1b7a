"""HTTP: routes, wire formats and error shapes. Of models and stores nothing is known here."""
