//! The origin behind the veil in its tests: an archive of identified instances that counts what it is asked, and can have
//! the manners of other servers.
#![allow(clippy::unwrap_used)]

use crate::archive::Archive;
use crate::archive::describe::Describer;
use crate::db::Db;
use crate::db::catalog::Entry;
use crate::deid::receipt::Names;
use crate::deid::search::Found;
use crate::dicom::meta;
use crate::dicom::syntax::EXPLICIT_LE;
use crate::dicom::writer::Writer;
use crate::dicomweb::accept::SyntaxWish;
use crate::dicomweb::bulk_path::BulkPath;
use crate::dicomweb::data_set::DataSet;
use crate::dicomweb::object_in;
use crate::dicomweb::query::Query;
use crate::dicomweb::representation::As;
use crate::origin::{
    Answer, ArchiveOrigin, DataSets, Identified, Model, Origin, Page, Parts, Place, Remaining,
};
use crate::raster::wish::Wish;
use bytes::Bytes;
use dicom_core::{Tag, VR};
use futures_util::TryStreamExt;
use futures_util::stream::StreamExt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// An image of one frame of 4 × 4 pixels.
#[derive(Clone)]
pub struct Image {
    pub study: u32,
    pub series: u32,
    pub number: u32,
    pub patient: &'static str,
    pub issuer: &'static str,
    pub date: &'static str,
    pub modality: &'static str,
    pub sop_class: &'static str,
    pub burned_in: &'static str,
    /// The highest four bits of each pixel hold an overlay.
    pub overlay: bool,
    /// The file holds a document and no pixels.
    pub document: bool,
    /// The file holds a report and no pixels.
    pub report: bool,
}

pub const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
pub const US: &str = "1.2.840.10008.5.1.4.1.1.6.1";
pub const SR: &str = "1.2.840.10008.5.1.4.1.1.88.33";
pub const PDF: &str = "1.2.840.10008.5.1.4.1.1.104.1";

/// A CT image of this patient.
pub fn ct(study: u32, series: u32, number: u32, patient: &'static str) -> Image {
    Image {
        study,
        series,
        number,
        patient,
        issuer: "",
        date: "20240310",
        modality: "CT",
        sop_class: CT,
        burned_in: "NO",
        overlay: false,
        document: false,
        report: false,
    }
}

impl Image {
    pub fn found(&self) -> Found {
        Found {
            sop_class: self.sop_class.to_owned(),
            study: format!("1.2.826.{}", self.study),
            series: format!("1.2.826.{}.{}", self.study, self.series),
            instance: format!("1.2.826.{}.{}.{}", self.study, self.series, self.number),
            patient_id: self.patient.to_owned(),
            issuer: self.issuer.to_owned(),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let found = self.found();
        let mut out = Writer::default();
        out.text(Tag(0x0008, 0x0005), VR::CS, "ISO_IR 192");
        out.text(Tag(0x0008, 0x0008), VR::CS, "ORIGINAL\\PRIMARY");
        out.text(Tag(0x0008, 0x0016), VR::UI, self.sop_class);
        out.text(Tag(0x0008, 0x0018), VR::UI, &found.instance);
        out.text(Tag(0x0008, 0x0020), VR::DA, self.date);
        out.text(Tag(0x0008, 0x0030), VR::TM, "101500");
        out.text(Tag(0x0008, 0x0050), VR::SH, "MARKACC");
        out.text(Tag(0x0008, 0x0060), VR::CS, self.modality);
        out.text(Tag(0x0008, 0x1030), VR::LO, "MARKDESC");
        out.begin_sequence(Tag(0x0008, 0x1140), true);
        out.begin_item(true);
        out.text(Tag(0x0008, 0x1150), VR::UI, CT);
        out.text(Tag(0x0008, 0x1155), VR::UI, "1.2.826.99");
        out.end_item();
        out.end_sequence();
        out.text(Tag(0x0008, 0x1190), VR::UR, "http://MARKHOST/studies/1.2.826");
        out.text(Tag(0x0010, 0x0010), VR::PN, "MARKNAME^Jane");
        out.text(Tag(0x0010, 0x0020), VR::LO, &found.patient_id);
        if !self.issuer.is_empty() {
            out.text(Tag(0x0010, 0x0021), VR::LO, self.issuer);
        }
        out.text(Tag(0x0020, 0x000D), VR::UI, &found.study);
        out.text(Tag(0x0020, 0x000E), VR::UI, &found.series);
        out.text(Tag(0x0020, 0x0013), VR::IS, &self.number.to_string());
        if self.document {
            out.text(Tag(0x0028, 0x0301), VR::CS, self.burned_in);
            out.element(Tag(0x0042, 0x0011), VR::OB, &[b"%PDF-1.4 MARKNAME ".as_slice(); 100].concat());
            out.text(Tag(0x0042, 0x0012), VR::LO, "application/pdf");
        } else if self.report {
            report(&mut out);
        } else {
            self.image(&mut out);
        }
        [meta::write(self.sop_class, &found.instance, EXPLICIT_LE), out.finish()].concat()
    }

    fn image(&self, out: &mut Writer) {
        let us = |value: u16| value.to_le_bytes();
        out.element(Tag(0x0028, 0x0002), VR::US, &us(1));
        out.text(Tag(0x0028, 0x0004), VR::CS, "MONOCHROME2");
        for (element, value) in
            [(0x0010, 4), (0x0011, 4), (0x0100, 16), (0x0101, 12), (0x0102, 11), (0x0103, 0)]
        {
            out.element(Tag(0x0028, element), VR::US, &us(value));
        }
        out.text(Tag(0x0028, 0x0301), VR::CS, self.burned_in);
        out.element(Tag(0x0028, 0x1201), VR::OW, &[7; 2048]);
        if self.overlay {
            out.element(Tag(0x6000, 0x0010), VR::US, &us(4));
            out.element(Tag(0x6000, 0x0011), VR::US, &us(4));
            out.element(Tag(0x6000, 0x0100), VR::US, &us(16));
            out.element(Tag(0x6000, 0x0102), VR::US, &us(12));
        }
        out.element(Tag(0x7FE0, 0x0010), VR::OW, &[0x34, 0x12].repeat(16));
    }
}

/// A report that says of whom, by whom, when, of which image and device it is.
fn report(out: &mut Writer) {
    out.text(Tag(0x0040, 0xA040), VR::CS, "CONTAINER");
    out.text(Tag(0x0040, 0xA491), VR::CS, "COMPLETE");
    out.begin_sequence(Tag(0x0040, 0xA730), true);
    for (kind, tag, vr, value) in [
        ("TEXT", 0xA160, VR::UT, "MARKNEST lives on"),
        ("PNAME", 0xA123, VR::PN, "MARKNAME^Jane"),
        ("DATE", 0xA121, VR::DA, "20240310"),
        ("UIDREF", 0xA124, VR::UI, "1.2.826.98"),
    ] {
        out.begin_item(true);
        out.text(Tag(0x0040, 0xA040), VR::CS, kind);
        out.text(Tag(0x0040, tag), vr, value);
        out.end_item();
    }
    out.begin_item(true);
    out.begin_sequence(Tag(0x0008, 0x1199), true);
    out.begin_item(true);
    out.text(Tag(0x0008, 0x1150), VR::UI, CT);
    out.text(Tag(0x0008, 0x1155), VR::UI, "1.2.826.99");
    out.end_item();
    out.end_sequence();
    out.text(Tag(0x0040, 0xA040), VR::CS, "IMAGE");
    out.end_item();
    out.end_sequence();
}

/// Enters images under their original names.
pub async fn enter(archive: &Archive, db: &Db, project: &str, images: &[Image]) {
    let mut entries = Vec::new();
    for image in images {
        let bytes = Bytes::from(image.bytes());
        let mut writer = archive.writer(project).unwrap();
        let mut describer = Describer::default();
        describer.see(&bytes);
        writer.write(bytes.clone()).await.unwrap();
        let object = writer.object().to_owned();
        writer.finish().await.unwrap();
        let Found { sop_class, study, series, instance, patient_id, .. } = image.found();
        entries.push(Entry {
            names: Names { sop_class, instance, series, study },
            patient_id,
            transfer_syntax: EXPLICIT_LE.to_owned(),
            size: bytes.len() as u64,
            sha256: "aa".to_owned(),
            object,
            described: describer.finish(),
        });
    }
    crate::db::tests::enter(db, project, &entries).await.unwrap();
}

/// Attributes that a server does not tell.
type Untold = Vec<&'static str>;

/// The archive with the manners of another server.
pub struct Behind {
    origin: ArchiveOrigin,
    asked: Mutex<Vec<String>>,
    untold_in_search: Mutex<Untold>,
    untold_in_metadata: Mutex<Untold>,
    /// It gives the same page whatever offset is asked for, and says that there is more.
    pub repeats: AtomicBool,
}

impl Behind {
    pub fn new(origin: ArchiveOrigin) -> Self {
        Self {
            origin,
            asked: Mutex::default(),
            untold_in_search: Mutex::default(),
            untold_in_metadata: Mutex::default(),
            repeats: AtomicBool::new(false),
        }
    }

    /// Leaves these attributes out of results, and those out of metadata.
    pub fn keeps_to_itself(&self, in_search: &[&'static str], in_metadata: &[&'static str]) {
        *self.untold_in_search.lock().unwrap() = in_search.to_vec();
        *self.untold_in_metadata.lock().unwrap() = in_metadata.to_vec();
    }

    /// What it was asked since this was called last.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    fn note(&self, what: String) {
        self.asked.lock().unwrap().push(what);
    }
}

impl Identified for Behind {
    fn data_sets<'a>(&'a self, place: &'a Place) -> Answer<'a, DataSets> {
        self.note("metadata".to_owned());
        Box::pin(async move {
            let parts = Origin::metadata(&self.origin, place, Model::Json, "").await?.parts;
            let untold = self.untold_in_metadata.lock().unwrap().clone();
            let told = parts.and_then(move |part| {
                let untold = untold.clone();
                async move {
                    let bytes = part.content.whole().try_collect::<Vec<Bytes>>().await?.concat();
                    let mut data = DataSet(serde_json::from_slice(&bytes).unwrap());
                    data.0.retain(|name, _| !untold.contains(&name.as_str()));
                    Ok(object_in::read(&data.0))
                }
            });
            Ok(told.boxed())
        })
    }
}

impl Origin for Behind {
    fn search<'a>(&'a self, query: &'a Query) -> Answer<'a, Page> {
        self.note(format!("search {:?} {:?} {:?}", query.level, query.keys, query.include));
        Box::pin(async {
            let repeats = self.repeats.load(Ordering::Relaxed);
            let asked = Query { offset: if repeats { 0 } else { query.offset }, ..query.clone() };
            let mut page = Origin::search(&self.origin, &asked).await?;
            if repeats {
                page.remaining = Remaining::MoreThan(0);
            }
            let untold = self.untold_in_search.lock().unwrap().clone();
            for result in &mut page.results {
                result.0.retain(|name, _| !untold.contains(&name.as_str()));
            }
            Ok(page)
        })
    }

    fn syntax<'a>(&'a self, place: &'a Place) -> Answer<'a, String> {
        Origin::syntax(&self.origin, place)
    }

    fn instances<'a>(&'a self, place: &'a Place, wishes: &'a [SyntaxWish]) -> Answer<'a, Parts> {
        self.note("instances".to_owned());
        Origin::instances(&self.origin, place, wishes)
    }

    fn metadata<'a>(&'a self, _: &'a Place, _: Model, _: &'a str) -> Answer<'a, Parts> {
        unreachable!("metadata are written by the gateway")
    }

    fn frames<'a>(&'a self, place: &'a Place, numbers: &'a [u32], given: As) -> Answer<'a, Parts> {
        self.note("frames".to_owned());
        Origin::frames(&self.origin, place, numbers, given)
    }

    fn bulk<'a>(&'a self, place: &'a Place, path: &'a BulkPath, given: As) -> Answer<'a, Parts> {
        self.note("bulk".to_owned());
        Origin::bulk(&self.origin, place, path, given)
    }

    fn rendered<'a>(&'a self, _: &'a Place, _: Option<u32>, _: Wish) -> Answer<'a, Parts> {
        unreachable!("pictures are made by the gateway")
    }

    fn thumbnail<'a>(&'a self, _: &'a Place, _: Option<u32>, _: Wish) -> Answer<'a, Parts> {
        unreachable!("pictures are made by the gateway")
    }
}
