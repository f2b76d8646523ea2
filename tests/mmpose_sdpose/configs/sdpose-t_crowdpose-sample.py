# SDPose-T on the two photos of crowdpose_sample, with detected boxes: what CrowdPose's metric prints.
_base_ = [
    '../../../configs/body_2d_keypoint/sdpose/crowdpose/td-hm_sdpose-t_8xb64-300e_crowdpose-256x192.py'
]

data_root = '{{$MMPOSE_SDPOSE_DATA:data}}/crowdpose_sample/'

train_cfg = dict(max_epochs=1, val_interval=1)
train_dataloader = dict(
    batch_size=5,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(data_root=data_root, ann_file='test_crowdpose.json', data_prefix=dict(img='')),
)
val_dataloader = dict(
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        data_root=data_root,
        ann_file='test_crowdpose.json',
        bbox_file=data_root + 'test_crowdpose_det_AP_40.json',
        data_prefix=dict(img=''),
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + 'test_crowdpose.json')
test_evaluator = val_evaluator
default_hooks = dict(logger=dict(interval=1), checkpoint=dict(interval=1, save_best=None))
