//! Spools in memory, in a file, and both.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
use super::*;

/// A spool in memory up to a threshold, which a large budget gives.
fn spool(threshold: u64) -> Spool {
    Spools::new(threshold, std::env::temp_dir(), Budget::new(1 << 30)).open()
}

#[tokio::test]
async fn what_the_budget_does_not_give_lies_in_the_file() {
    let (budget, data) = (Budget::new(1 << 20), vec![7; 400_000]);
    let spools = Spools::new(10 << 20, std::env::temp_dir(), budget);
    let mut filled = Vec::new();
    for _ in 0..3 {
        let mut spool = spools.open();
        spool.write(Bytes::copy_from_slice(&data)).await.unwrap();
        filled.push(spool.whole().await.unwrap());
    }
    let lengths: Vec<_> = filled.iter().map(Whole::lengths).collect();
    assert_eq!(lengths, [(400_000, 0), (0, 400_000), (0, 400_000)], "half is left to others");
    assert_eq!(filled[2].read(0..400_000).await.unwrap(), data);
    drop(filled);
    let mut spool = spools.open();
    spool.write(data.into()).await.unwrap();
    assert_eq!(spool.whole().await.unwrap().lengths().0, 400_000, "it came back");
}

async fn read_all(spool: Spool, step: u64) -> Vec<u8> {
    let mut left = spool.len();
    let mut reader = spool.reader().await.unwrap();
    let mut all = Vec::new();
    while left > 0 {
        let bytes = reader.read(step.min(left)).await.unwrap();
        left -= bytes.len() as u64;
        all.extend_from_slice(&bytes);
    }
    all
}

#[tokio::test]
async fn what_was_written_comes_back_whatever_lies_in_memory() {
    let data: Vec<u8> = (0..=255).cycle().take(5000).collect();
    for threshold in [0, 100, 2500, 10_000] {
        let mut spool = spool(threshold);
        for chunk in data.chunks(7) {
            spool.write(Bytes::copy_from_slice(chunk)).await.unwrap();
        }
        assert_eq!(read_all(spool, 64).await, data, "threshold {threshold}");
    }
}

#[tokio::test]
async fn any_range_can_be_had_whatever_lies_in_memory() {
    let data: Vec<u8> = (0..=250).cycle().take(BLOCK + 5000).collect();
    for threshold in [0, 100, 2500, 10_000_000] {
        let mut spool = spool(threshold);
        for chunk in data.chunks(999) {
            spool.write(Bytes::copy_from_slice(chunk)).await.unwrap();
        }
        let whole = spool.whole().await.unwrap();
        for range in [0..10, 95..105, 2490..2510, 0..data.len(), 4000..BLOCK + 4999, 7..7] {
            let wanted = range.start as u64..range.end as u64;
            assert_eq!(
                whole.read(wanted.clone()).await.unwrap(),
                data[range.clone()],
                "{threshold} {range:?}"
            );
            let streamed: Vec<_> = whole.stream(wanted).map(Result::unwrap).collect().await;
            assert_eq!(streamed.concat(), data[range]);
        }
        let behind = data.len() as u64;
        assert_eq!(whole.read(behind - 1..behind + 1).await, Err(Fault), "{threshold}");
    }
}

#[tokio::test]
async fn a_cut_leaves_exactly_what_stood_before_it() {
    for (threshold, cut) in [(0, 10), (5, 10), (15, 10), (100, 10), (5, 0), (12, 12), (100, 20)] {
        let mut spool = spool(threshold);
        for part in [&b"0123456"[..], b"789abc", b"defghij"] {
            spool.write(Bytes::copy_from_slice(part)).await.unwrap();
        }
        spool.truncate(cut).await.unwrap();
        assert_eq!(spool.len(), cut);
        spool.write(Bytes::from_static(b"XY")).await.unwrap();
        let expected = [&b"0123456789abcdefghij"[..usize::try_from(cut).unwrap()], b"XY"].concat();
        assert_eq!(read_all(spool, 3).await, expected, "threshold {threshold}, cut {cut}");
    }
}
