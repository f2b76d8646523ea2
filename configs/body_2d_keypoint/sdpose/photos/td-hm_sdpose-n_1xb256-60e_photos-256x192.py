# SDPose-N on photographs, from the packaged weights for drawn people: all but the last layer, made for
# smaller heatmaps.
_base_ = ['../../../_base_/token_heatmap_photos.py']

load_from = 'mmpose_sdpose://sdpose-n_synthpose-128x96.pth'
model = dict(head=dict(num_cycles=2))
