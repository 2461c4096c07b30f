#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# conf/logins/ldap.conf with a slapd of its own: users and groups of a directory
# decide who hears and publishes what. When slapd is down or hangs nobody can
# log in, and the streams that are open go on.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use File::Temp ();

use EventStream::Background;
use EventStream::Client;
use EventStream::Daemon;
use EventStream::Httpd;
use EventStream::Login;
use EventStream::Ports;
use EventStream::Snippets;

EventStream::Daemon->or_skip('slapd', 'slapadd');
my ($schema) = grep { -d } qw(/etc/ldap/schema /etc/openldap/schema);
my ($modules) = grep { -d } qw(/usr/lib/ldap /usr/lib64/openldap);
plan skip_all => 'slapd has another layout' if !$schema || !$modules;
my @missing = grep { !EventStream::Httpd->has_module($_) } qw(ldap authnz_ldap);
plan skip_all => "this httpd has no mod_$missing[0]" if @missing;

# ---- The directory -----------------------------------------------------------

my $dir = File::Temp::tempdir('es-XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0755, $dir;
mkdir "$dir/db";
EventStream::Daemon->run('openssl', qw(req -x509 -newkey rsa:2048 -nodes -days 2
    -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 -keyout),
    "$dir/key.pem", '-out', "$dir/cert.pem");
write_file("$dir/slapd.conf", <<"CONF");
include $schema/core.schema
include $schema/cosine.schema
include $schema/inetorgperson.schema
modulepath $modules
moduleload back_mdb
pidfile $dir/slapd.pid
TLSCertificateFile $dir/cert.pem
TLSCertificateKeyFile $dir/key.pem
# passwords only over TLS
security simple_bind=128
database mdb
suffix "dc=example,dc=com"
directory $dir/db
maxsize 10485760
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="cn=httpd,dc=example,dc=com" read by * none
CONF

sub person
{
    my ($name) = @_;
    return "dn: uid=$name,ou=people,dc=example,dc=com\n"
        . "objectClass: inetOrgPerson\nuid: $name\ncn: $name\nsn: $name\n"
        . "userPassword: secret\n\n";
}

sub group
{
    my ($name, $member) = @_;
    return "dn: cn=$name,ou=groups,dc=example,dc=com\n"
        . "objectClass: groupOfNames\ncn: $name\n"
        . "member: uid=$member,ou=people,dc=example,dc=com\n\n";
}

write_file("$dir/data.ldif", <<'LDIF' . join '', map({ person($_) }
dn: dc=example,dc=com
objectClass: dcObject
objectClass: organization
o: example

dn: ou=people,dc=example,dc=com
objectClass: organizationalUnit

dn: ou=groups,dc=example,dc=com
objectClass: organizationalUnit

dn: cn=httpd,dc=example,dc=com
objectClass: organizationalRole
objectClass: simpleSecurityObject
userPassword: own

LDIF
    qw(ann bob eve app)), group('red', 'ann'), group('publishers', 'app'));
EventStream::Daemon->run('slapadd', '-f', "$dir/slapd.conf",
    '-l', "$dir/data.ldif");
my $port = free_port();
my $slapd = EventStream::Daemon->start(port => $port, command => ['slapd',
    '-d', 0, '-f', "$dir/slapd.conf", '-h', "ldap://127.0.0.1:$port/"]);

# ---- httpd -------------------------------------------------------------------

write_file("$dir/secret", "own\n");
my $httpd = EventStream::Httpd->start(
    modules => [login_modules(qw(auth_basic ldap authnz_ldap))],
    conf => login_sample('ldap.conf',
        'Timeout 3' => 'Timeout 30',    # however slow this host is
        'ldap.example.com' => "127.0.0.1:$port",
        '/etc/ssl/certs/ldap-ca.pem' => "$dir/cert.pem",
        '/etc/apache2/ldap.secret' => "$dir/secret") . login_log()
        . <<'CONF');
<Location "/events/news">
    EventStreamErrorForm event
</Location>
# what docs/logins.md warns of
<Location "/events/team-red-quoted">
    Require ldap-group "cn=red,ou=groups,dc=example,dc=com"
</Location>
CONF

sub status_of
{
    my ($path, $user, $password) = @_;
    return subscribe($httpd, $path, timeout => 60, headers =>
        $user ? [basic($user, $password // 'secret')] : [])->status;
}

sub post
{
    my ($channel, $text, $user) = @_;
    return publish($httpd, $channel, $text, json => 1, timeout => 30,
        headers => $user ? [basic($user, 'secret')] : [])->{status};
}

sub client
{
    my ($path, $user) = @_;
    return opens(subscribe($httpd, $path, headers => [basic($user, 'secret')]),
        "$user listens to $path");
}

# ---- Users -------------------------------------------------------------------

is status_of('/events'), 401, 'nobody is asked for a password';
is status_of('/events', 'ann', 'wrong'), 401, 'a wrong password';
is status_of('/events', 'ann', ''), 401, 'no password, which binds as nobody';
is status_of('/events', 'none'), 401, 'an unknown user';
is status_of('/events', '*'), 401, 'a name that would match all';
is status_of('/events', 'ann)(uid=*'), 401, 'one that is a filter';
my $ann = client('/events', 'ann');
my $bob = client('/events', 'bob');
is post('user-ann', 1, 'app'), 200, 'a member of publishers publishes';
is next_text($ann), 1, 'to the channel of a user';
is post('user-ann', 2, 'ann'), 200, 'a user publishes to her own';
is next_text($ann), 2, 'which hears it';
is post('user-bob', 'x', 'ann'), 403, 'not to that of another one';
is post('user-ann', 'x'), 401, 'nobody does';
my $capital = client('/events', 'ANN');
is post('user-ann', 3, 'app'), 200, 'an event for ann';
is next_text($_), 3, 'goes to ann and to ANN' for $ann, $capital;

# ---- Groups ------------------------------------------------------------------

my $team = client('/events/team-red', 'ann');
is status_of('/events/team-red-quoted', 'ann'), 403,
    'no group has a name with quotes';
is status_of('/events/team-red', 'bob'), 403,
    'who is not in the group does not hear its channel';
is status_of('/events/team-blue', 'ann'), 403,
    'who is hears no other channel';
is status_of('/events/user-bob', 'ann'), 403, 'nor that of another user';
is status_of('/events/team-red'), 401, 'nobody is asked for a password';
is post('team-red', 4, 'app'), 200, 'an event for the group';
is next_text($team), 4, 'goes to its member';
is post('team-red', 'x', 'ann'), 403, 'a member does not publish to it';
# The right is lost, and the directory says so: her streams end.
sub control
{
    my ($user, $query) = @_;
    return request($httpd, 'DELETE', "/control?$query",
        headers => [basic($user, 'secret')])->{status};
}
is control('bob', 'user=ann'), 403, 'a user does not end streams';
is control('app', 'user=ann&channel=team-red'), 200, 'a publisher does';
ok $team->is_ended(10), 'that of the group ends cleanly';
is status_of('/events/team-red', 'ann'), 403, 'and may not come back at once';
is post('user-ann', 7, 'app'), 200, 'an event for ann';
is next_text($_), 7, 'her other streams go on' for $ann, $capital;
is_deeply [grep { /^(ann|bob) 200 GET/ && !/detached/ } logged($httpd)], [],
    'no stream of a user holds a worker';

# ---- slapd is down, or hangs -------------------------------------------------

$slapd->kill;
is status_of('/events', 'eve'), 500, 'slapd is down: a login gets 500';
is refused_as_event($httpd, '/events/news', basic('eve', 'secret')),
    'internal-error', 'as an event, after which an EventSource comes again';
is status_of('/events', 'ann'), 200, 'one that httpd remembers is admitted';
is status_of('/events', 'ann', 'wrong'), 500,
    'with another password it is not';
is post('user-ann', 5, 'app'), 200, 'the application is remembered, too';
is next_text($_), 5, 'streams that are open go on' for $ann, $capital;

$slapd->restart;
# httpd finds first that its old connections have ended
wait_for(
    sub {
        refused_as_event($httpd, '/events/news', basic('eve', 'secret'))
            eq 'stream-open';
    }, 60, 'slapd is back: it opens');
is status_of('/events', 'eve'), 200, 'and users log in again';
$slapd->suspend;
my $login = in_background(sub { [status_of('/events', 'eve', 'wrong')] });
is post('user-ann', 6, 'app'), 200,
    'slapd hangs: who is remembered publishes while another one logs in';
is next_text($_), 6, 'and streams go on' for $ann, $capital;
is status_of('/events', 'ann'), 200, 'who is remembered listens';
$slapd->resume;
# 500 if its connection was one of before
like $login->()->[0], qr/^(?:401|500)$/, 'when it goes on it is refused';
is status_of('/events', 'eve'), 200, 'and others are not';
$_->close for $ann, $bob, $capital, $team;
unlike $httpd->error_log, qr/\bsecret\b/, 'no password is in the error log';
is $httpd->stop, 0, 'httpd stops with exit status 0';
done_testing;
