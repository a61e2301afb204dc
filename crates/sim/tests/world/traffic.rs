//! How long what is sent is on its way: the wire's bandwidth, the queue before it, and what takes long now and then.

use std::cell::RefCell;
use std::io;
use std::net::Shutdown;
use std::rc::Rc;
use std::time::Duration;

use ekiden_reactor::net::{TcpListener, TcpStream, UdpSocket};
use ekiden_reactor::{sleep, spawn, timeout};
use ekiden_sim::{Config, Sim, check_with};

use super::read_to_end;

/// A world in which only the wire takes time worth speaking of.
fn quick() -> Config {
    let mut config = Config::default();
    (config.datagram_lost_one_in, config.datagram_twice_one_in) = (0, 0);
    config.window_bytes = 64 * 1024..=64 * 1024;
    config
}

/// Hears everything of each connection, and then closes it.
async fn sink() -> io::Result<()> {
    let listener = TcpListener::bind("0.0.0.0:7").await?;
    loop {
        let (stream, _peer) = listener.accept().await?;
        drop(spawn(async move { read_to_end(&stream).await }));
    }
}

/// Sends so many bytes to a sink, and waits until it has heard them all.
async fn pour(to: &'static str, bytes: usize) -> io::Result<()> {
    let stream = TcpStream::connect(to).await?;
    stream.write_all(&vec![7; bytes]).await?;
    stream.shutdown(Shutdown::Write)?;
    assert_eq!(stream.read(&mut [0]).await?, 0);
    Ok(())
}

/// How long that takes for several at once.
async fn pours(sim: &Sim, to: &[&'static str], bytes: usize) -> f64 {
    let before = sim.now();
    let pouring: Vec<_> = to.iter().map(|to| spawn(pour(to, bytes))).collect();
    for poured in pouring {
        poured.await.unwrap().unwrap();
    }
    (sim.now() - before).as_secs_f64()
}

#[test]
fn bytes_are_sent_one_behind_the_other_by_whichever_connection() {
    let mut config = quick();
    // What is more than the queue holds is not lost, as it is TCP's.
    config.queue_bytes_max = 1000;
    check_with(&config, |sim| {
        sim.host("one", sink);
        sim.host("two", sink);
        sim.run(async |sim| {
            sleep(Duration::from_millis(1)).await;
            sim.bandwidth("main", "one", 10_000);
            // 1,460 of 1,500 bytes are the program's, and less where a segment was cut short.
            let alone = pours(&sim, &["one:7"], 20_000).await;
            assert!((2.05..3.0).contains(&alone), "{alone} s");
            let together = pours(&sim, &["one:7", "one:7"], 20_000).await;
            assert!((4.1..6.0).contains(&together), "{together} s");
            let elsewhere = pours(&sim, &["two:7"], 20_000).await;
            assert!(elsewhere < 0.1, "{elsewhere} s");
            sim.bandwidth("main", "one", u64::MAX);
            let unlimited = pours(&sim, &["one:7"], 20_000).await;
            assert!(unlimited < 0.1, "{unlimited} s");
        });
    });
}

#[test]
fn each_direction_has_a_wire_of_its_own() {
    check_with(&quick(), |sim| {
        sim.host("there", async || {
            let listener = TcpListener::bind("0.0.0.0:7").await?;
            let stream = Rc::new(listener.accept().await?.0);
            let writer = stream.clone();
            let writing = spawn(async move {
                writer.write_all(&[7; 20_000]).await?;
                writer.shutdown(Shutdown::Write)
            });
            assert_eq!(read_to_end(&stream).await?.len(), 20_000);
            writing.await.unwrap()
        });
        sim.run(async |sim| {
            sleep(Duration::from_millis(1)).await;
            sim.bandwidth("main", "there", 10_000);
            let stream = TcpStream::connect("there:7").await.unwrap();
            stream.write_all(&[7; 20_000]).await.unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            assert_eq!(read_to_end(&stream).await.unwrap().len(), 20_000);
            let took = sim.now().as_secs_f64();
            assert!((2.05..3.5).contains(&took), "{took} s");
        });
    });
}

#[test]
fn what_a_slow_line_carries_trickles() {
    check_with(&quick(), |sim| {
        sim.host("slow", async || {
            let listener = TcpListener::bind("0.0.0.0:7").await?;
            let (stream, _peer) = listener.accept().await?;
            stream.write_all(&[7; 60_000]).await
        });
        sim.run(async |sim| {
            sleep(Duration::from_millis(1)).await;
            sim.bandwidth("main", "slow", 10_000);
            let stream = TcpStream::connect("slow:7").await.unwrap();
            let (mut heard, mut buf) = (0, [0; 64 * 1024]);
            while heard < 60_000 {
                // A segment at a time, and not all that was written by one call.
                let read = timeout(Duration::from_millis(200), stream.read(&mut buf));
                heard += read.await.expect("something each 0.15 s").unwrap();
            }
            assert!(sim.now() >= Duration::from_secs(6), "{:?}", sim.now());
        });
    });
}

/// It would be late even if it were not lost, so to say it again helps nobody.
#[test]
fn what_still_waits_for_the_wire_is_not_sent_again() {
    let mut config = quick();
    config.short_one_in = 0;
    check_with(&config, |sim| {
        sim.host("slow", sink);
        sim.run(async |sim| {
            sleep(Duration::from_millis(1)).await;
            sim.bandwidth("main", "slow", 1000);
            // Each segment is on the wire for longer than an answer took before.
            let before = sim.now();
            for _ in 0..2 {
                pour("slow:7", 5 * 1460).await.unwrap();
            }
            let took = (sim.now() - before).as_secs_f64();
            assert!((15.0..16.0).contains(&took), "{took} s");
        });
    });
}

#[test]
fn datagrams_that_find_the_queue_full_are_lost() {
    let mut config = quick();
    config.queue_bytes_max = 10_000;
    check_with(&config, |sim| {
        let heard = Rc::new(RefCell::new(Vec::new()));
        let (at, clock) = (heard.clone(), sim.clone());
        sim.host("server", async move || {
            let socket = UdpSocket::bind("0.0.0.0:7").await?;
            loop {
                assert_eq!(socket.recv(&mut [0; 2000]).await?, 972);
                at.borrow_mut().push(clock.now().as_secs_f64());
            }
            #[expect(unreachable_code, reason = "what it would return")]
            io::Result::Ok(())
        });
        sim.run(async move |sim| {
            sleep(Duration::from_millis(1)).await;
            sim.bandwidth("main", "server", 10_000);
            let socket = UdpSocket::bind("0.0.0.0:0").await.unwrap();
            socket.connect("server:7").await.unwrap();
            for _ in 0..50 {
                // A thousand bytes with its header.
                socket.send(&[7; 972]).await.unwrap();
            }
            sleep(Duration::from_secs(5)).await;
            let arrived = heard.take();
            assert_eq!(arrived.len(), 10);
            let took = arrived[9] - arrived[0];
            assert!((0.89..0.91).contains(&took), "{took} s from the first to the tenth");
            // There is room again.
            socket.send(&[7; 972]).await.unwrap();
            sleep(Duration::from_secs(1)).await;
            assert_eq!(heard.borrow().len(), 1);
        });
    });
}

#[test]
fn a_bandwidth_of_the_configuration_is_drawn_for_each_direction() {
    let mut config = quick();
    config.bytes_per_second = Some(10_000..=100_000);
    let times = RefCell::new(Vec::new());
    check_with(&config, |sim| {
        sim.host("one", sink);
        sim.host("two", sink);
        let both = sim.run(async |sim| {
            sleep(Duration::from_millis(1)).await;
            drop(spawn(sink()));
            sleep(Duration::from_millis(1)).await;
            let within = pours(&sim, &["localhost:7"], 20_000).await;
            assert!(within < 0.1, "{within} s: a host is no link");
            (pours(&sim, &["one:7"], 20_000).await, pours(&sim, &["two:7"], 20_000).await)
        });
        assert!((0.2..3.0).contains(&both.0) && (0.2..3.0).contains(&both.1), "{both:?}");
        times.borrow_mut().push(both);
    });
    let times = times.take();
    let far_apart = times.iter().filter(|(one, two)| one / two > 2.0 || two / one > 2.0).count();
    assert!(far_apart > 10, "{far_apart} of {}", times.len());
}

/// How long each of so many questions and answers took, in milliseconds.
fn asks(sim: &Sim, questions: usize, config: impl Fn(&Sim) + 'static) -> Vec<u128> {
    sim.host("server", super::echo);
    sim.run(async move |sim| {
        sleep(Duration::from_millis(1)).await;
        let stream = TcpStream::connect("server:7").await.unwrap();
        config(&sim);
        let mut took = Vec::new();
        for _ in 0..questions {
            let before = sim.now();
            stream.write_all(&[7]).await.unwrap();
            assert_eq!(stream.read(&mut [0]).await.unwrap(), 1);
            took.push((sim.now() - before).as_millis());
        }
        took
    })
}

#[test]
fn once_in_so_many_times_something_takes_many_times_as_long() {
    let (long, all) = (RefCell::new(Vec::new()), RefCell::new(0));
    let mut config = Config::default();
    config.latency = Duration::from_millis(1)..=Duration::from_millis(1);
    (config.latency_long_one_in, config.latency_long_times) = (20, 100..=200);
    check_with(&config, |sim| {
        let took = asks(&sim, 50, |_| {});
        *all.borrow_mut() += took.len();
        long.borrow_mut().extend(took.into_iter().filter(|took| *took > 90));
    });
    // A question and an answer go over two ways, and each time the windows may be told of as well.
    let share = all.take() as f64 / long.borrow().len() as f64;
    assert!((5.0..15.0).contains(&share), "one in {share}");
    let (least, most) = (*long.borrow().iter().min().unwrap(), *long.borrow().iter().max().unwrap());
    assert!((90..110).contains(&least) && most > 190, "{least} to {most} ms");
}

#[test]
fn what_takes_long_can_be_said_of_a_link_and_not_of_what_is_within_a_host() {
    let mut config = Config::default();
    config.latency = Duration::from_millis(1)..=Duration::from_millis(1);
    check_with(&config, |sim| {
        let took = asks(&sim, 5, |sim| sim.long_latency("main", "server", 1, 50..=50));
        assert!(took.iter().all(|took| (100..=150).contains(took)), "{took:?}");
    });
    config.latency_long_one_in = 1;
    check_with(&config, |sim| {
        sim.run(async |sim| {
            drop(spawn(sink()));
            sleep(Duration::from_millis(1)).await;
            let within = pours(&sim, &["localhost:7"], 1000).await;
            assert!(within < 0.01, "{within} s");
        });
    });
}

#[test]
fn what_takes_for_ever_never_comes() {
    let mut config = Config::default();
    config.latency = Duration::MAX..=Duration::MAX;
    check_with(&config, |sim| {
        sim.host("server", super::echo);
        sim.run(async |sim| {
            sleep(Duration::from_millis(1)).await;
            let before = sim.now();
            let error = TcpStream::connect("server:7").await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            // As long as Linux asks for a connection, again and again.
            assert_eq!((sim.now() - before).as_secs(), 127);
        });
    });
}
