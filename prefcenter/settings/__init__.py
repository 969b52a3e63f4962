"""What the operator set by PREFCENTER_* variables, typed; no secret has a default."""

from prefcenter.settings.values import Secret
from prefcenter.settings.variables import FROM_FILE, VARIABLES, Settings, SettingsError, merged_environ

__all__ = ["FROM_FILE", "VARIABLES", "Secret", "Settings", "SettingsError", "merged_environ"]
