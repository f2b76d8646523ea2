# The same model, tested on people whose 14 joints annotators labelled (CrowdPose's, here LSPET's
# test file; LSPET_ROOT says where): the 12 that its 17 have in common with them, shoulders to
# ankles. The other five have no label there, and PCK counts labelled joints alone. Any other
# 14-joint file goes in its place.
_base_ = ['./td-hm_sdpose-n_1xb256-60e_photos-256x192.py']

lspet14 = '{{$LSPET_ROOT:data/lspet}}/'
data_source = 'mim run mmpose_sdpose convert_lspet ARCHIVE --out data/lspet (or LSPET_ROOT)'
limbs_of_crowdpose = [
    (0, 5), (1, 6), (2, 7), (3, 8), (4, 9), (5, 10),
    (6, 11), (7, 12), (8, 13), (9, 14), (10, 15), (11, 16),
]  # fmt: skip
test_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='CombinedDataset',  # says whose keypoints people have once they are converted
        metainfo=_base_.metainfo,
        datasets=[
            dict(
                type='CrowdPoseDataset',
                ann_file=lspet14 + 'annotations/lspet_test.json',
                data_prefix=dict(img=lspet14 + 'images/'),
                pipeline=[
                    dict(type='KeypointConverter', num_keypoints=17, mapping=limbs_of_crowdpose)
                ],
            )
        ],
        pipeline=_base_.val_pipeline,
        test_mode=True,
    ),
)
test_evaluator = [
    dict(type='PCKAccuracy', thr=0.2, norm_item='bbox', prefix='0.2'),
    dict(type='PCKAccuracy', thr=0.1, norm_item='bbox', prefix='0.1'),
]
