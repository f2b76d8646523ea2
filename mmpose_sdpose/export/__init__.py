"""From a checkpoint to a verified ONNX file: ``mim run mmpose_sdpose export_onnx`` starts here.

Nothing here is imported by training or testing; onnx, onnxscript and onnxruntime are needed only once a
function is called.
"""
