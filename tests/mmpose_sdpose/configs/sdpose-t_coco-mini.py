# SDPose-T, one epoch over the 60 real photos of coco_mini: the published recipe on real data.
_base_ = ['../../../configs/body_2d_keypoint/sdpose/coco/td-hm_sdpose-t_8xb64-300e_coco-256x192.py']

data_root = '{{$MMPOSE_SDPOSE_DATA:data}}/coco_mini/'

train_cfg = dict(max_epochs=1, val_interval=1)
train_dataloader = dict(batch_size=16, dataset=dict(data_root=data_root))
val_dataloader = dict(
    batch_size=16,
    dataset=dict(data_root=data_root, bbox_file=None),
)
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + 'annotations/person_keypoints_val2017.json')
test_evaluator = val_evaluator
default_hooks = dict(logger=dict(interval=1), checkpoint=dict(interval=1))
