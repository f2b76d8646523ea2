# Small token heatmap models at 128x96 on a mixture of photographs and drawn people, with COCO's 17
# keypoints: LSPET (people in sport), SynthPose (drawn people) and COCO. Where they are, LSPET_ROOT,
# SYNTHPOSE_ROOT and COCO_ROOT say. LSPET's 14 joints become the 12 of COCO that they have in common; the
# others have no label. For its people with all 17 keypoints, from files of your own, name them and leave
# the conversion out:
#   train_dataloader.dataset.datasets.0.type=CocoDataset
#   train_dataloader.dataset.datasets.0.ann_file=annotations/lspet_coco17_train.json
#   train_dataloader.dataset.datasets.0.pipeline='[]'
_base_ = ['./token_heatmap_small.py']

metainfo = dict(from_file='configs/_base_/datasets/coco.py')
lspet_root = '{{$LSPET_ROOT:data/lspet}}/'
synthpose_root = '{{$SYNTHPOSE_ROOT:data/synthpose}}/'
coco_root = '{{$COCO_ROOT:data/coco}}/'
data_source = (
    'three data sets: mim run mmpose_sdpose convert_lspet ARCHIVE --out data/lspet (or LSPET_ROOT), '
    'mim run mmpose_sdpose make_synthpose --out data/synthpose (or SYNTHPOSE_ROOT), and COCO '
    '(or COCO_ROOT)'
)

# Everyday photos show people cut off, half hidden and small, which people in sport are not.
augmentation = [
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='RandomHalfBody', prob=0.4),
    dict(
        type='RandomBBoxTransform',
        shift_factor=0.16,
        scale_factor=(0.6, 1.3),
        rotate_factor=50,
    ),
]
train_pipeline = [
    dict(type='LoadImage'),
    dict(type='RandomBodyCut', prob=0.2),
    dict(type='GetBBoxCenterScale'),
    *augmentation,
    dict(type='TopdownAffine', input_size=_base_.codec.input_size),
    dict(type='RandomLowResolution'),
    dict(type='GenerateTarget', encoder=_base_.codec),
    dict(type='PackPoseInputs'),
]

# Shoulders to ankles are in the same order; COCO's begin with nose, eyes and ears.
limbs_of_crowdpose = [
    (0, 5), (1, 6), (2, 7), (3, 8), (4, 9), (5, 10),
    (6, 11), (7, 12), (8, 13), (9, 14), (10, 15), (11, 16),
]  # fmt: skip
# How often each person of a data set is seen in an epoch: a share of one, or more than one.
shares = dict(lspet=1.0, synthpose=0.5, coco=1.0)
train_dataloader = dict(
    batch_size=32,
    dataset=dict(
        type='CombinedDataset',
        metainfo=metainfo,
        sample_ratio_factor=[shares['lspet'], shares['synthpose'], shares['coco']],
        datasets=[
            dict(
                type='CrowdPoseDataset',
                data_root=lspet_root,
                ann_file='annotations/lspet_train.json',
                data_prefix=dict(img='images/'),
                pipeline=[
                    dict(type='KeypointConverter', num_keypoints=17, mapping=limbs_of_crowdpose)
                ],
            ),
            dict(
                type='CocoDataset',
                data_root=synthpose_root,
                ann_file='annotations/person_keypoints_train.json',
                data_prefix=dict(img='train/'),
            ),
            dict(
                type='CocoDataset',
                data_root=coco_root,
                ann_file='annotations/person_keypoints_train2017.json',
                data_prefix=dict(img='train2017/'),
            ),
        ],
        pipeline=train_pipeline,
    ),
)
# COCO's people in their annotated boxes.
val_dataloader = dict(
    dataset=dict(
        type='CocoDataset',
        data_root=coco_root,
        ann_file='annotations/person_keypoints_val2017.json',
        data_prefix=dict(img='val2017/'),
        test_mode=True,
        pipeline=_base_.val_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(
    type='CocoMetric', ann_file=coco_root + 'annotations/person_keypoints_val2017.json'
)
test_evaluator = val_evaluator

default_hooks = dict(checkpoint=dict(save_best='coco/AP', rule='greater'))
