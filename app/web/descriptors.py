"""File descriptors: each connection takes one."""

import sys

#: Descriptors for all that is no connection: databases, providers, log files.
OTHERS = 512


def provide_descriptors(connections: int) -> int:
    """Raise the process's limit of open files to what so many connections need.

    Returns the number of connections for which there are descriptors: fewer if the system's hard
    limit is lower. Processes that this one starts inherit the limit.
    """
    if sys.platform == "win32":
        return connections  # sockets have no such limit there
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + OTHERS
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    if soft == resource.RLIM_INFINITY:
        return connections
    return min(connections, max(soft - OTHERS, soft // 2))
