# Tested with ground-truth boxes instead of detections: an upper bound, not comparable with them.
_base_ = ['./td-reg_distilpose-l_8xb32-300e_crowdpose-256x192.py']

val_dataloader = dict(dataset=dict(bbox_file=None))
test_dataloader = val_dataloader
