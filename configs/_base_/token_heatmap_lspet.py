# Small token heatmap models at 128x96 on Leeds Sports Pose Extended: photos of people in sport, the 14
# joints of CrowdPose. `mim run mmpose_sdpose convert_lspet ARCHIVE --out data/lspet` writes the data, or
# say in LSPET_ROOT where it is.
_base_ = ['./token_heatmap_small.py']

train_cfg = dict(max_epochs=20)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=200, start_factor=0.01, by_epoch=False),
    dict(
        type='CosineAnnealingLR',
        begin=0,
        end=20,
        T_max=20,
        eta_min=1e-5,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]

# The backbone starts from the packaged weights, which have seen drawn people. Tokens are supervised by
# cross-entropy, with which they leave the mean pose sooner; the token distances keep the proportion to
# the heatmap loss that they have at the start of a published training.
model = dict(
    backbone=dict(
        init_cfg=dict(
            type='Pretrained',
            prefix='backbone.',
            checkpoint='mmpose_sdpose://sdpose-n_synthpose-128x96.pth',
        )
    ),
    head=dict(
        out_channels=14,
        loss=dict(
            _delete_=True, type='HeatmapCrossEntropyLoss', use_target_weight=True, loss_weight=1.0
        ),
        visual_token_loss=dict(loss_weight=2e-3),
        keypoint_token_loss=dict(loss_weight=2e-3),
    ),
)

dataset_type = 'CrowdPoseDataset'
data_root = '{{$LSPET_ROOT:data/lspet}}/'
data_source = 'mim run mmpose_sdpose convert_lspet ARCHIVE --out data/lspet'

# Gymnasts and climbers are upside down and in every size, so more than for people who stand.
augmentation = [
    dict(type='RandomFlip', direction='horizontal'),
    dict(
        type='RandomBBoxTransform',
        shift_factor=0.05,
        scale_factor=(0.7, 1.3),
        rotate_factor=60,
    ),
]
train_pipeline = [
    *_base_.train_pipeline[:2],
    *augmentation,
    *_base_.train_pipeline[-3:],
]

train_dataloader = dict(
    batch_size=32,
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/lspet_train.json',
        data_prefix=dict(img='images/'),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/lspet_test.json',
        data_prefix=dict(img='images/'),
        test_mode=True,
        pipeline=_base_.val_pipeline,
    ),
)
test_dataloader = val_dataloader

# AP with CrowdPose's sigmas, and the share of joints within a fifth of the box's longer side.
val_evaluator = [
    dict(
        type='CocoMetric',
        ann_file=data_root + 'annotations/lspet_test.json',
        use_area=False,
        iou_type='keypoints_crowd',
        prefix='lspet',
    ),
    dict(type='PCKAccuracy', thr=0.2, prefix='lspet'),
]
test_evaluator = val_evaluator

default_hooks = dict(checkpoint=dict(save_best='lspet/AP', rule='greater'))
