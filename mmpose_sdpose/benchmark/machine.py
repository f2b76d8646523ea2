from __future__ import annotations

import platform
import re
from pathlib import Path

import torch


def describe_machine(device: str, threads: int) -> str:
    """The processor as it calls itself and the threads used; for CUDA the device as well."""
    text = f'{_processor()}, {threads} thread{"s" * (threads != 1)}'
    return f'{torch.cuda.get_device_name()}; {text}' if device == 'cuda' else text


def _processor() -> str:
    info = Path('/proc/cpuinfo')
    found = re.search(r'^model name\s*:\s*(.+)$', info.read_text(), re.M) if info.exists() else None
    return found.group(1).strip() if found else platform.processor() or platform.machine()
