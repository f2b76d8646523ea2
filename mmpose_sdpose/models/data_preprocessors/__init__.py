"""Data preprocessors for ``mmpose.registry.MODELS``."""

from .device_augmentation import DeviceAugmentation

__all__ = ['DeviceAugmentation']
