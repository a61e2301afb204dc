//! Places.

use ekiden::redis::commands::*;

use super::{Over, Step, fits, is, play, texts};

#[test]
fn places() {
    play(&[], Over::Shared, table);
}

pub(super) fn table() -> Vec<Step> {
    let (berlin, potsdam, paris) =
        (Point::new(13.405, 52.52), Point::new(13.066, 52.391), Point::new(2.352, 48.857));
    let around = || Centre::Place("berlin".into());
    let circle = || Area::Circle(50.0, Unit::Kilometres);
    vec![
        is(geoadd("cities", [(berlin, "berlin"), (potsdam, "potsdam")]), 2),
        is(geoadd("cities", (paris, "paris")).nx(), 1),
        is(geoadd("cities", (paris, "rome")).xx().ch(), 0),
        fits(geodist("cities", "berlin", "potsdam", Unit::Kilometres), |far| {
            (25.0..30.0).contains(&far.unwrap())
        }),
        fits(geodist("cities", "berlin", "potsdam", Unit::Metres), |far| far.unwrap() > 25_000.0),
        fits(geodist("cities", "berlin", "potsdam", Unit::Miles), |far| far.unwrap() < 20.0),
        fits(geodist("cities", "berlin", "potsdam", Unit::Feet), |far| far.unwrap() > 75_000.0),
        is(geodist("cities", "berlin", "none", Unit::Metres), None),
        fits(geohash("cities", ["berlin", "none"]), |hashes| {
            hashes[0].as_ref().unwrap().starts_with("u33d") && hashes[1].is_none()
        }),
        fits(geopos("cities", ["berlin", "none"]), |points| {
            (points[0].unwrap().latitude - 52.52).abs() < 0.001 && points[1].is_none()
        }),
        is(geosearch("cities", around(), circle()).asc(), texts(["berlin", "potsdam"])),
        is(geosearch("cities", around(), circle()).desc().count(1), texts(["potsdam"])),
        fits(geosearch::<String>("cities", around(), circle()).count_any(1), |found| found.len() == 1),
        is(
            geosearch("cities", Centre::At(paris), Area::Rectangle(10.0, 10.0, Unit::Miles)),
            texts(["paris"]),
        ),
        fits(geosearch::<String>("cities", around(), circle()).asc().with_distance(), |found| {
            found[0].member == "berlin"
                && found[0].distance < 1.0
                && (25.0..30.0).contains(&found[1].distance)
                && (found[1].point.longitude - 13.066).abs() < 0.001
        }),
        is(geosearchstore("near", "cities", around(), circle()).asc(), 2),
        is(geosearchstore("far", "cities", around(), circle()).desc().count(1).storedist(), 1),
        is(geosearchstore("any", "cities", around(), circle()).count_any(1), 1),
        fits(zscore("far", "potsdam"), |far| (25.0..30.0).contains(&far.unwrap())),
    ]
}
