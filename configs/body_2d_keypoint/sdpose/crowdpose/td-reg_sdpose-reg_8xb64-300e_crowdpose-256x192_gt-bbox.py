# Tested with ground-truth boxes instead of detections: an upper bound, not comparable with them.
_base_ = ['./td-reg_sdpose-reg_8xb64-300e_crowdpose-256x192.py']

val_dataloader = dict(dataset=dict(bbox_file=None))
test_dataloader = val_dataloader
