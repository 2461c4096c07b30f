# SPDX-License-Identifier: Apache-2.0
package EventStream::Beside;

=head1 NAME

EventStream::Beside - work in a process of its own, while the test goes on

=head1 SYNOPSIS

    use EventStream::Beside;

    my $answer = publish_beside($httpd, 'news', 'hello');
    ...                             # while it waits
    is $answer->()->{status}, 200, 'published';

=head1 FUNCTIONS

=over

=item beside(\&work)

Runs work in another process. Returns a function that waits for its end and
gives what it returned (data that JSON can hold), or undef if it died.

=item publish_beside(@arguments)

EventStream::Client::publish, with its arguments: status, body and retry (the
header Retry-After) of the answer.

=back

=cut

use strict;
use warnings;

use Exporter 'import';
use JSON::PP ();
use POSIX ();

use EventStream::Client;

our @EXPORT = qw(beside publish_beside);

sub beside
{
    my ($work) = @_;
    pipe my $from, my $to or die "pipe: $!";
    my $pid = fork;
    die "fork: $!" if !defined $pid;
    if ($pid == 0) {
        close $from;
        print {$to} JSON::PP::encode_json($work->());
        close $to;
        POSIX::_exit(0);
    }
    close $to;
    return sub {
        local $/;
        my $text = <$from>;
        waitpid $pid, 0;
        return $text ? JSON::PP::decode_json($text) : undef;
    };
}

sub publish_beside
{
    my @arguments = @_;
    return beside(sub {
        my $got = publish(@arguments, timeout => 30);
        return {
            status => $got->{status}, body => $got->{body},
            retry => $got->{headers}{'retry-after'}};
    });
}

1;
