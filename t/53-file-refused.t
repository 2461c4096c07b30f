#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Files of hubs that cannot be used, or not any more: those of others are never
# changed, and httpd tells why it does not start, or why it starts empty.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use POSIX ();
use Test::More;

use EventStream::Client;
use EventStream::Httpd;

my $conf = <<'CONF';
EventStreamDrain 1
<Location "/events">
    SetHandler eventstream
    EventStreamChannel "{?c}"
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
<Location "/shop/events">
    SetHandler eventstream
    EventStreamChannel "{?c}"
    EventStreamUseHub shop
</Location>
<Location "/shop/publish">
    SetHandler eventstream-publish
    EventStreamUseHub shop
</Location>
CONF

sub with
{
    my ($default, $shop) = @_;
    my %size = (default => 'size=1m', shop => 'size=256k');
    return join '', (map { "EventStreamHub $_->[0] $size{$_->[0]}"
            . ($_->[1] ? " file=$_->[1]" : '') . "\n" }
        ['default', $default], ['shop', $shop]), $conf;
}

my $httpd = EventStream::Httpd->start(conf => with('logs/a', 'logs/b'));
my $from = 0;
my $root = $httpd->root;

sub log_since
{
    my $text = $httpd->error_log($from);
    $from = $httpd->log_size;
    return $text;
}

sub slurp
{
    open my $in, '<:raw', $_[0] or return;
    local $/;
    return scalar <$in>;
}

sub spew
{
    my ($file, $text) = @_;
    open my $out, '>:raw', $file or die "$file: $!";
    print {$out} $text;
    close $out or die "$file: $!";
    return;
}

sub publish_id { return publish(@_)->{json}{id} }

sub kinds
{
    my ($path, $id) = @_;
    my $client = subscribe($httpd, $path, headers => ["Last-Event-ID: $id"]);
    return $client->status if $client->status != 200;
    return join ' ', map { $_->{event} =~ /^stream-(.*)/ ? $1 : $_->{data} }
        $client->events(2, 5);
}

# The first event is no reset, and none follows.
sub head_event
{
    my ($id) = @_;
    my $client = subscribe($httpd, '/events?c=a',
        headers => ["Last-Event-ID: $id"]);
    publish($httpd, 'a', 'next');
    return join ' ', map { $_->{event} =~ /^stream-(.*)/ ? $1 : () }
        $client->events(2, 5);
}

my $a = publish_id($httpd, 'a', 'a1');
publish($httpd, 'a', 'a2');
my $b = publish_id($httpd, 'b', 'b1', path => '/shop/publish');
publish($httpd, 'b', 'b2', path => '/shop/publish');
$httpd->stop;
log_since();
my %saved = map { ($_ => slurp("$root/logs/$_")) } 'a', 'b';

# ---- It does not start ------------------------------------------------------

sub refuses
{
    my ($name, $like, $default, $shop) = @_;
    $httpd->rewrite_conf(with($default, $shop));
    ok !$httpd->start_again, "$name: httpd does not start";
    my $text = log_since();
    $text .= slurp("$root/logs/output") // '';
    like $text, $like, "$name: the log tells why";
    unlike $text, qr/ES022[0]/, "$name: nothing is saved";
    is slurp("$root/logs/$_"), $saved{$_}, "$name: $_ is as it was"
        for sort keys %saved;
    return;
}

sub changes
{
    my ($path) = @_;
    return (stat $path)[9] . ' ' . (slurp($path) // '');
}

spew("$root/logs/theirs", "precious\n" x 100);
chmod 0600, "$root/logs/theirs";
my $theirs = changes("$root/logs/theirs");
refuses('a file of others', qr/ES0214.*default.*logs\/theirs.*not a file of/,
    'logs/theirs', 'logs/b');
is changes("$root/logs/theirs"), $theirs, 'their file is unchanged';
refuses('a file of another hub', qr/ES0214.*default.*logs\/b.*of hub shop/,
    'logs/b', '');
symlink 'a', "$root/logs/link";
refuses('a symbolic link', qr/ES0213.*logs\/link/, 'logs/link', 'logs/b');
mkdir "$root/logs/folder";
refuses('a folder', qr/ES0213.*logs\/folder/, 'logs/folder', 'logs/b');
refuses('a folder that is not there', qr/ES0213.*logs\/none/,
    'logs/none/x', 'logs/b');
POSIX::mkfifo("$root/logs/fifo", 0600) or die "mkfifo: $!";
refuses('a pipe', qr/ES0214.*fifo.*regular/, 'logs/fifo', 'logs/b');
chmod 0620, "$root/logs/a";
refuses('a file that others write', qr/ES0214.*other users can write/,
    'logs/a', 'logs/b');
chmod 0600, "$root/logs/a";
SKIP: {
    skip 'only root can give files away', 5 if $> != 0;
    chown 65534, 65534, "$root/logs/a";
    refuses('a file of another user', qr/ES0214.*belongs to another user/,
        'logs/a', 'logs/b');
    chown 0, 0, "$root/logs/a";
}
refuses('two hubs with one path', qr/EventStreamHub shop file=.*hub default/,
    'logs/a', 'logs/./a');
link "$root/logs/a", "$root/logs/other-name";
refuses('two hubs with one file', qr/ES0225.*shop.*other-name.*default/,
    'logs/a', 'logs/other-name');
unlink "$root/logs/other-name";
refuses('a path that is too long', qr/EventStreamHub default: file= takes/,
    'logs/' . 'x' x 1100, 'logs/b');
refuses('a path without a name', qr/EventStreamHub default: file= takes/,
    'logs/', 'logs/b');
$httpd->rewrite_conf("EventStreamHub default file=\n$conf");
ok !$httpd->start_again, 'an empty path: httpd does not start';
log_since();

# ---- Another server ---------------------------------------------------------

my $mine = with('logs/a', 'logs/b');
$httpd->rewrite_conf($mine);
ok $httpd->start_again, 'httpd starts with its own files';
is kinds('/events?c=a', $a), 'open a2', 'clients of a hub resume';
is kinds('/shop/events?c=b', $b), 'open b2', 'those of the other, too';
my $second = EventStream::Httpd->new(
    conf => with("$root/logs/a", 'logs/b'));
$second->write_conf;
my $marked = slurp("$root/logs/a");
ok !$second->start_again, 'a second server with the same file does not start';
like $second->all_output, qr/ES0215.*logs\/a.*process @{[$httpd->pid]}\b/,
    'the log names the first one';
is scalar(() = $second->all_output =~ /ES0215/g), 1, 'once';
is slurp("$root/logs/a"), $marked, 'the file of the first is unchanged';
ok $httpd->is_alive, 'the first one goes on';
publish($httpd, 'a', 'a3');

# The lock belongs to the parent: children that outlive it do not keep it.
my @orphans = $httpd->children;
my $pid = $httpd->pid;
kill KILL => $pid;
ok $httpd->wait_for(sub { !$httpd->is_alive }), 'the parent is killed';
is scalar(grep { kill 0 => $_ } @orphans), scalar @orphans,
    'its children live on';
ok $second->start_again, 'the second server starts then';
like $second->error_log, qr/ES0216.*was not saved/, 'and starts empty';
kill KILL => @orphans;
$second->stop;
ok $httpd->wait_for(sub { !grep { kill 0 => $_ } @orphans }),
    'the children of the first have gone';
ok $httpd->start_again, 'the first server starts again';
is kinds('/events?c=a', $a), 'open reset',
    'its clients are told that they have missed something';
is $httpd->stop, 0, 'it stops';

# ---- A daemon ---------------------------------------------------------------

# The process that was started is not the one that goes on, and a lock by
# fcntl() belongs to one process.
ok $httpd->start_again, 'httpd starts once more';
my $c = publish_id($httpd, 'a', 'c1');
publish($httpd, 'a', 'c2');
is $httpd->stop, 0, 'and stops';
my $first = $httpd->spawn(qw(-k start));
waitpid $first, 0;
is $?, 0, 'httpd starts as a daemon';
my $daemon;
ok $httpd->wait_for(sub {
    ($daemon) = (slurp("$root/run/httpd.pid") // '') =~ /(\d+)/;
    return $daemon && (eval { kinds('/events?c=a', $c) } // '') eq 'open c2';
}), 'its clients resume' or diag $httpd->error_log;
isnt $daemon, $first, 'it is another process';
ok !$second->start_again, 'a second server does not start beside a daemon';
like $second->all_output, qr/ES0215.*logs\/a.*process $daemon\b/,
    'the log names the daemon';
kill TERM => $daemon;
ok $httpd->wait_for(sub {
    (slurp("/proc/$daemon/stat") // ') Z') =~ /\) Z/;
}), 'the daemon stops';
ok $httpd->start_again, 'httpd starts again';
is kinds('/events?c=a', $c), 'open c2', 'the daemon has saved its events';
is $httpd->stop, 0, 'it stops';

# ---- Damage -----------------------------------------------------------------

for my $damage (
    ['cut', sub { substr $_[0], 0, -1 }, 'ES0222'],
    ['cut in the head', sub { substr $_[0], 0, 300 }, 'ES0216'],
    ['changed', sub { substr($_[0], -30, 1) ^= "\1"; $_[0] }, 'ES0222'],
    ['of another version', sub { substr($_[0], 11, 1) = "\1"; $_[0] },
        'ES0216'],
    ['empty', sub { '' }, '']) {
    my ($name, $change, $tag) = @$damage;
    ok $httpd->start_again, "$name: httpd starts";
    my $id = publish_id($httpd, 'd', 'd1');
    $httpd->stop;
    my $bytes = slurp("$root/logs/a");
    spew("$root/logs/a", $change->($bytes));
    log_since();
    ok $httpd->start_again, "$name: httpd starts with the file";
    if ($tag) {
        like log_since(), qr/warn.*$tag/, "$name: which is logged";
    }
    else {
        unlike log_since(), qr/hub default.*ES02[12]|ES021.*hub default/,
            "$name: nothing is logged";
    }
    is kinds('/events?c=d', $id), 'open reset', "$name: the hub starts empty";
    $httpd->stop;
}
spew("$root/logs/a.new", 'left over');
ok $httpd->start_again, 'httpd starts with a file that was not finished';
my $kept = publish_id($httpd, 'k', 'k1');
publish($httpd, 'k', 'k2');
$httpd->stop;
ok !-e "$root/logs/a.new", 'it has gone after the next stop';
ok $httpd->start_again, 'httpd starts';
is kinds('/events?c=k', $kept), 'open k2', 'clients resume';

# What someone has put there meanwhile is theirs.
unlink "$root/logs/a";
spew("$root/logs/a", 'theirs');
log_since();
$httpd->stop;
like log_since(), qr/ES0219.*logs\/a/, 'a file that was replaced is not saved';
is slurp("$root/logs/a"), 'theirs', 'it is left as it is';
unlink "$root/logs/a";

# ---- Restarts with other files ----------------------------------------------

$httpd->rewrite_conf(with('logs/a', ''));
ok $httpd->start_again, 'httpd starts with a file for one hub';
my $x = publish_id($httpd, 'x', 'x1');
publish($httpd, 'x', 'x2');
for my $how (qw(graceful restart)) {
    log_since();
    $httpd->rewrite_conf(with('logs/theirs', ''));
    ok $httpd->$how, "$how with a file of others: httpd goes on";
    like log_since(), qr/ES0214.*theirs/, "$how: which is logged";
    is changes("$root/logs/theirs"), $theirs, "$how: that file is unchanged";
    is kinds('/events?c=x', $x), 'open x2', "$how: clients resume";
    ok !-e "$root/logs/a", "$how: the file from before has gone";
    $httpd->rewrite_conf(with("logs/$how", ''));
    ok $httpd->$how, "$how with another file: httpd goes on";
    is -s "$root/logs/$how", 512, "$how: that file is in use";
    is kinds('/events?c=x', $x), 'open x2', "$how: clients resume again";
}
ok !-e "$root/logs/graceful", 'the file of before the last restart has gone';
log_since();
$httpd->stop;
like log_since(), qr/ES0220.*logs\/restart/, 'the last one is saved';
ok $httpd->start_again, 'httpd starts';
is kinds('/events?c=x', $x), 'open x2', 'clients resume after the stop';

# A hub that is added while httpd runs.
spew("$root/logs/b", $saved{b});
$httpd->rewrite_conf(with('logs/restart', 'logs/b') =~ s/shop size=256k/shop/r);
log_since();
ok $httpd->graceful, 'graceful with a file for a hub that has none';
like log_since(), qr/ES0223.*shop.*logs\/b/,
    'a hub with events of its own does not load others';
is -s "$root/logs/b", 512, 'its file is in use';
$httpd->rewrite_conf(with('logs/restart', '') =~ s/EventStreamHub shop.*\n//r
    =~ s/EventStreamUseHub shop//gr);
for (1 .. 4) {
    $httpd->restart;
}
ok !-e "$root/logs/b", 'the file of a hub that is removed goes with it';
spew("$root/logs/b", $saved{b});
$httpd->rewrite_conf(with('logs/restart', 'logs/b'));
log_since();
ok $httpd->graceful, 'graceful with a hub that is new';
like log_since(), qr/ES0221.*logs\/b|ES0221: hub shop/, 'its events are loaded';
is -s "$root/logs/b", 512, 'its file is in use at once';
is kinds('/shop/events?c=b', $b), 'open b2', 'its clients resume';
$httpd->rewrite_conf(with('logs/restart', 'logs/b')
    . "EventStreamHub more size=256k file=logs/theirs\n"
    . "<Location \"/more\">\nSetHandler eventstream\nEventStreamChannel m\n"
    . "EventStreamUseHub more\n</Location>\n");
log_since();
ok $httpd->graceful, 'graceful with a new hub whose file is not ours';
like log_since(), qr/ES0214.*hub more/, 'which is logged';
is subscribe($httpd, '/more')->is_ended(5), 1,
    'that hub is off: its clients are asked to come back';
is kinds('/events?c=x', $x), 'open x2', 'the others are not';
is changes("$root/logs/theirs"), $theirs, 'that file is unchanged';
$httpd->stop;

# ---- Children that end late -------------------------------------------------

# Under prefork httpd does not wait for children whose time is over.
$httpd = EventStream::Httpd->start(mpm => 'prefork', log => 'info',
    conf => "GracefulShutdownTimeout 1\nEventStreamDrain 3\n"
        . with('logs/a', '') =~ s/EventStreamDrain 1//r);
$root = $httpd->root;
$from = 0;
my $late = publish_id($httpd, 'a', 'late');
my @clients = map { subscribe($httpd, '/events?c=a') } 1 .. 4;
is $httpd->graceful_stop, 0, 'prefork stops gracefully';
like log_since(), qr/ES0220/,
    'the events are saved when its children have gone';
ok $httpd->start_again, 'it starts again';
is head_event($late), 'open', 'clients resume';
$httpd->stop;

# httpd takes a child that is stopped for one that has ended.
for my $mpm (qw(event prefork)) {
    $httpd = EventStream::Httpd->start(mpm => $mpm, log => 'info',
        conf => with('logs/a', ''));
    $root = $httpd->root;
    $from = 0;
    my $id = publish_id($httpd, 'a', 'a1');
    publish($httpd, 'a', 'a2');
    my ($stuck) = $httpd->children;
    kill STOP => $stuck;
    my $parent = $httpd->pid;
    kill TERM => $parent;
    ok $httpd->wait_for(sub { !$httpd->is_alive }, 40),
        "$mpm: httpd ends though a child is stopped";
    ok $httpd->wait_for(sub { !kill 0 => $stuck }), "$mpm: that child has gone";
    like log_since(), qr/ES0220\D+2 events/, "$mpm: the events are saved";
    ok $httpd->start_again, "$mpm: httpd starts";
    is kinds('/events?c=a', $id), 'open a2', "$mpm: clients resume";
    $httpd->stop;
}

# ---- A full disk ------------------------------------------------------------

my $mounted;

SKIP: {
    skip 'only root can mount', 9 if $> != 0;
    $httpd = EventStream::Httpd->start(conf => with('', ''));
    $root = $httpd->root;
    $from = 0;
    $httpd->stop;
    mkdir "$root/disk";
    skip 'no tmpfs can be mounted here', 9
        if system("mount -t tmpfs -o size=512k none $root/disk 2>/dev/null");
    $mounted = "$root/disk";
    $httpd->rewrite_conf(with('disk/a', ''));
    ok $httpd->start_again, 'httpd starts with a file on a small disk';
    my $id = publish_id($httpd, 'a', 'y' x 40000);
    publish($httpd, 'a', 'y' x 40000) for 1 .. 4;
    log_since();
    $httpd->stop;
    like log_since(), qr/ES0220\D+5 events/, 'it saves while there is room';
    $httpd->start_again;
    is kinds('/events?c=a', $id), 'open ' . 'y' x 40000, 'clients resume';
    system "dd if=/dev/zero of=$root/disk/junk bs=4096 2>/dev/null";
    log_since();
    $httpd->stop;
    like log_since(), qr/error.*No space left.*ES0219/,
        'a full disk is logged at a stop';
    is -s "$root/disk/a", 512, 'the file stays in use';
    ok !-e "$root/disk/a.new", 'nothing is left over';
    $httpd->start_again;
    like log_since(), qr/ES0216/, 'the hub starts empty';
    $httpd->stop;
    unlink "$root/disk/a";
    system "dd if=/dev/zero of=$root/disk/more bs=4096 2>/dev/null";
    log_since();
    ok !$httpd->start_again,
        'httpd does not start if it cannot mark the file';
    like log_since(), qr/error.*No space left.*ES0218/, 'which is logged';
}

END {
    system 'umount', '-l', $mounted if $mounted;
}

done_testing;
