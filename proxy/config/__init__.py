"""Configuration: one YAML file and `HEADGATE_*` variables in, one frozen `Settings` out."""

from proxy.config.address import Address
from proxy.config.checks import digest_of
from proxy.config.clients import read_clients, write_clients
from proxy.config.load import load
from proxy.config.problems import ConfigError, Problem
from proxy.config.settings import (
    Admin,
    Affinity,
    Client,
    Discovery,
    Gate,
    Limits,
    Login,
    LoginMethod,
    Priority,
    Probing,
    Queue,
    Retries,
    Settings,
    SharedStore,
    Timeouts,
    Usage,
)

__all__ = [
    "Address",
    "Admin",
    "Affinity",
    "Client",
    "ConfigError",
    "Discovery",
    "Gate",
    "Limits",
    "Login",
    "LoginMethod",
    "Priority",
    "Probing",
    "Problem",
    "Queue",
    "Retries",
    "Settings",
    "SharedStore",
    "Timeouts",
    "Usage",
    "digest_of",
    "load",
    "read_clients",
    "write_clients",
]
