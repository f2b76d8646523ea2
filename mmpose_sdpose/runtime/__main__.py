import os
import sys

# OpenCV's and FFmpeg's own remarks on broken files: ours names the file. Read when OpenCV is imported.
os.environ.setdefault('OPENCV_LOG_LEVEL', 'SILENT')
os.environ.setdefault('OPENCV_FFMPEG_LOGLEVEL', '-8')

try:
    from .cli import main
except ImportError as error:
    sys.exit(
        f'runtime: {error}; it needs NumPy, OpenCV and ONNX Runtime: '
        'pip install "mmpose_sdpose[runtime]"'
    )

if __name__ == '__main__':
    sys.exit(main())
