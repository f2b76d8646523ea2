# SDPose-N on photographs, one cycle first.
_base_ = ['../../../_base_/token_heatmap_photos.py']
