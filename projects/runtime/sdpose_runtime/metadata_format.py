"""Words of the metadata entry in exported ONNX files, for who writes it and who reads it.

The runtime needs this module where little else is installed: it has the standard library only.
"""

#: Key of the entry, one JSON object.
KEY = 'mmpose_sdpose'
#: Version of the entry; raised when a reader would have to change.
FORMAT = 2
#: Score from which on a keypoint counts as found, where nobody chose one for the model.
THRESHOLD = 0.3
