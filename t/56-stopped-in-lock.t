#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A child that is stopped (SIGSTOP) while it holds the lock of a hub: pages are
# answered, publishers get 503, subscribers an end with retry, and all is well
# when the child continues or is killed.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use POSIX ();
use Test::More;

use EventStream::Client;
use EventStream::Httpd;

my $long = 60;    # seconds for what takes as long as this machine needs
my $subscribers = 60;
my $stopper = EventStream::Httpd::builddir() . '/t/stopped/stop_in_lock';
plan skip_all => "$stopper is not built" if !-x $stopper;

my $mpm = <<'MPM';
StartServers 2
ServerLimit 2
ThreadsPerChild 10
MaxRequestWorkers 20
MinSpareThreads 1
MaxSpareThreads 20
MPM
my $conf = <<'CONF';
EventStreamRetry 1
<Location "/events">
    SetHandler eventstream
    EventStreamChannel news
</Location>
<Location "/other">
    SetHandler eventstream
    EventStreamChannel other
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF

my $httpd = EventStream::Httpd->start(
    mpm_conf => $mpm, files => {'page.txt' => "a page\n"},
    conf => "EventStreamLockTimeout 1\n$conf");

# ---- Stopping ----------------------------------------------------------------

# Publishes large batches until it is killed, so that the children hold the lock
# for much of the time.
sub start_publisher
{
    my $pid = fork;
    die "fork: $!" if !defined $pid;
    return $pid if $pid;
    my $parent = getppid;
    my $body = '[' . join(',', map {
        '{"channel": "load", "text": "' . 'x' x 20_000 . '"}'
    } 1 .. 40) . ']';
    while (getppid == $parent) {
        eval {
            request($httpd, 'POST', '/publish', body => $body, timeout => 3,
                headers => ['Content-Type: application/json']);
        };
    }
    POSIX::_exit(0);
}

# Stops the child while it holds the lock. Returns the exit status of the tool.
sub stop_in_lock
{
    my ($child) = @_;
    my @publishers = map { start_publisher() } 1 .. 4;
    my $status = system($stopper, $child);
    kill KILL => @publishers;
    waitpid $_, 0 for @publishers;
    return $status >> 8;
}

sub status_of_publish
{
    my ($data) = @_;
    my $got = eval { publish($httpd, 'news', $data, timeout => $long) };
    return $got ? $got->{status} : 0;
}

sub fetch
{
    my ($path) = @_;
    return request($httpd, 'GET', $path, timeout => $long);
}

# Clients of the child that is not stopped: it alone accepts connections.
sub pages
{
    return scalar grep {
        my $got = eval { fetch('/page.txt') };
        $got && $got->{status} == 200;
    } 1 .. 6;
}

my ($child) = $httpd->children;
my $status = stop_in_lock($child);
plan skip_all => 'the memory of a child cannot be read' if $status == 77;
is $status, 0, 'a child is stopped while it holds the lock'
    or BAIL_OUT('the child was never stopped under the lock');

# ---- Stopped -----------------------------------------------------------------

my $refused = publish($httpd, 'news', 'no', timeout => $long);
is $refused->{status}, 503, 'a publisher gets 503';
ok $refused->{headers}{'retry-after'}, 'with Retry-After';
my @clients = map { subscribe($httpd, '/events', head => 0) } 1 .. $subscribers;
is pages(), 6, "pages are answered, beside $subscribers subscribers";
my @answered = grep { eval { $_->read_head($long); 1 } } @clients;
is scalar(grep { $_->status == 200 } @answered), $subscribers,
    'each subscriber gets 200';
ok wait_for(sub {
    $_->fill(0) for @clients;
    return !grep { $_->is_open } @clients;
}, $long), 'and its stream ends';
is scalar(grep { $_->is_cut } @clients), 0, 'cleanly';
$_->next_event(0) for @clients;
is scalar(grep { !$_->retry } @clients), 0, 'with retry';
ok !(grep { defined $_->last_id } @clients), 'and without an id';
is fetch('/publish?channel=news')->{status}, 503,
    'who reads statistics gets 503';
ok wait_for(sub {
    $httpd->error_log =~ /ES0209: process $child \(/ }, $long),
    'the other child names the process';
ok wait_for(sub { $httpd->error_log =~ /ES0013: child $child / }, $long),
    'and so does the parent';
is status_of_publish('no'), 503, 'it still holds the lock';

# ---- Continued ---------------------------------------------------------------

kill CONT => $child;
ok wait_for(sub { status_of_publish('yes') == 200 }, $long),
    'when the child continues, events are published';
my $client = subscribe($httpd, '/events', timeout => $long);
$client->next_event($long);
is status_of_publish('again'), 200, 'again';
is $client->next_event($long)->{data}, 'again', 'and received';
ok wait_for(sub {
    status_of_publish('more');
    return $httpd->error_log =~ /ES0210/;
}, $long), 'the log says that the lock is free again';

# ---- Killed ------------------------------------------------------------------

($child) = $httpd->children;
is stop_in_lock($child), 0, 'a child is stopped once more';
is status_of_publish('no'), 503, 'a publisher gets 503';
kill KILL => $child;
ok wait_for(sub { status_of_publish('yes') == 200 }, $long),
    'when the child is killed, events are published';
ok wait_for(sub { $httpd->error_log =~ /ES0201/ }, $long), 'after a repair';
ok wait_for(sub { $httpd->children == 2 }, $long), 'there is another child';
my $faults = $httpd->faults;
is $faults // '', '', 'the shared memory is consistent';

# ---- EventStreamLockTimeout kill ---------------------------------------------

$httpd->rewrite_conf("EventStreamLockTimeout 500ms kill\n$conf");
ok $httpd->restart, 'restart with EventStreamLockTimeout kill';
($child) = $httpd->children;
is stop_in_lock($child), 0, 'a child is stopped under the lock';
ok wait_for(sub { status_of_publish('yes') == 200 }, $long),
    'the parent kills it, and events are published';
# it writes this when the child is dead
ok wait_for(sub { $httpd->error_log =~ /ES0015: killed child $child,/ }, $long),
    'the log says so';
is pages(), 6, 'pages are answered';

done_testing;
