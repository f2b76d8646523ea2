"""Words of the metadata entry in exported ONNX files, for who writes it and who reads it.

The runtime needs this module where little else is installed: it has the standard library only.
"""

#: Key of the entry, one JSON object.
KEY = 'mmpose_sdpose'
#: Version of the entry; raised when a reader would have to change.
FORMAT = 2
#: What a graph puts out: to be decoded by the codec, in units of the input's size, or in its pixels.
HEATMAPS, NORMALISED, PIXELS = 'heatmaps', 'normalised_keypoints', 'pixel_keypoints'
