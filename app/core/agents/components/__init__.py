"""What an application brings: agents, teams, workflows and factories, found and copied."""
