"""HTTP: routes, wire formats and error shapes, without any knowledge of models and stores."""
